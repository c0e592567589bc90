"""« J'ai perdu mes accès de connexion »: three ways back, none of which tells whether an account exists."""
