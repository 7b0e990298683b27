"""What is true for the people who use catdog-api."""
