"""Lambda's control plane and Invoke. Processes are the runtime's, polling is the mappings'."""
