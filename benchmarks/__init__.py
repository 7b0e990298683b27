"""What this service is measured against: every contender in one run, over real HTTP, as ratios."""
