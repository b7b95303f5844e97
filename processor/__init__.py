"""The program that decides what is wrong: consume, evaluate, keep, open incidents."""
