"""Stock receipts (入库单): the face of this context."""
