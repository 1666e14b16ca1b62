"""Floor 2: one folder a service, meeting only through the registry."""
