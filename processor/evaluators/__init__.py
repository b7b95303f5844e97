"""Kinds of rules, one file each. Pure: readings and their times in, the value that a rule's levels judge out."""
