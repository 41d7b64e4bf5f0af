"""What is known of each doorbell, and the messages about it: presses, visits, options."""
