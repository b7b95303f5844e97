"""The program that decides what to do about it: HTTP, pages, diagnosis, commands."""
