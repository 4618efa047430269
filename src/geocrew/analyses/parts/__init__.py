"""Parts that several analyses are made of."""
