"""The Flask kit: one transaction a request, headers, cookies, forms, pages."""
