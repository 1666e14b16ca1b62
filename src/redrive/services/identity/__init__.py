"""STS, as far as a local account needs it: who am I?"""
