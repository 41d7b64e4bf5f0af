"""Doorbells: their state, options, presses and visits, and the messages about them."""
