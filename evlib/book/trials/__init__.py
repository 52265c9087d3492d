"""The pages of trials and the table of all of them."""
