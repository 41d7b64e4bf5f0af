"""What tests and benchmarks share: real brokers, agents and pools, pictures and values. Neither owns it."""
