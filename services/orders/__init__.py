"""orders: service masters, installed devices with their warranty, and the repair order from intake to audit."""
