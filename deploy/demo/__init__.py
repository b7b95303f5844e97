"""`make demo`: a real, harmless trouble on a running stack, from the first bad reading to the closed incident.

Nothing is faked: no message is published and no table written. A collector measures the trouble, a rule opens the
incident, and it closes because the readings are good again.
"""
