"""The way in: sign-in, tokens, rights, limits, routing by contract, streams."""
