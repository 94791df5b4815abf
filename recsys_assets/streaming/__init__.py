"""Events from Kafka, in files of the inbox: each message once, whatever is killed."""
