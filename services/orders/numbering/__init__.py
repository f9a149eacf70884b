"""Numbers (单号, R-01) of this service's documents: rules, and sequences that begin again."""
