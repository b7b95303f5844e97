"""What must be true before anything is published: run before the broker and the help desk start.

Other machines may reach the stack only when every default password is replaced and an API key exists. Both ways to
start the stack ask here: compose as the one-shot service `preflight`, the local stack by calling `refusal`.
"""
