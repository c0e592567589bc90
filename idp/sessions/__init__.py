"""Sessions of the provider: opened after the journey, resumed by cookie, ended everywhere."""
