"""Who people are: members of the register, accounts, enrolments, one-time secrets."""
