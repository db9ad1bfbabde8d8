"""An exported model in the formats of other runtimes, each compared with Keras before it counts."""
