"""The sign-in: a declarative journey of steps over stored facts."""
