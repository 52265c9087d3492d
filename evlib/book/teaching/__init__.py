"""Lessons for the classroom, made from a run: what they ask, what they hold it against, and slides."""
