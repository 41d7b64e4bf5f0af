"""What needs no broker and no worker process."""
