"""The Explorer: pages that show a person what the service answers, and why."""
