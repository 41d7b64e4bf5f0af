"""What is handed out is valid, by the tools of those who take it: `make packaging`."""
