"""What messages say: a small dialect of Liquid, checked when saved, joined when sent."""
