"""Whether what concurrent clients saw has an order: each call as if at one instant within its time."""
