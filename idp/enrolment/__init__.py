"""« Créer son compte »: from the register's number and code to an active account."""
