"""Webhooks (回调, G-26): events of the services told to partners' systems, signed, in order, again and again until received."""
