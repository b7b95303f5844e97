"""Kinds of rules, one file each. Pure: the check as it was, a value and its time in, the check as it is out."""
