"""The steps of the sign-in, one file each; none imports another."""
