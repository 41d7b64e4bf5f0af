"""The history of visits and presses: a database and a folder of pictures, written by a thread of its own."""
