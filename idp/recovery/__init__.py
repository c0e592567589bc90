"""« J'ai perdu mes accès de connexion »: a new password, a new address, a new code."""
