"""What is said about frames, presses and doorbells. Pure: values and times in, messages out."""
