"""Bills (结算单) and payments (收款单): the face of this context."""
