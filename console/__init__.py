"""The web console: pages rendered from the contracts, talking to the gateway's HTTP API only."""
