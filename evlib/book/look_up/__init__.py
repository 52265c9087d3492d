"""Pages on which a reader looks something up: what is shown for each choice is computed as the book is made."""
