from tf_pegasus.utils.backend import load_backend

load_backend()
