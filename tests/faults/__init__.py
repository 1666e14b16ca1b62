"""The disk's faults under the shipped store: power loss, errors and a full disk, call by call."""
