"""Public names that are imported when they are first used."""

import lazy_loader

from tf_pegasus.utils.backend import load_backend


def attach_stub(package, file, light=()):
    """Gives a package the names that its `.pyi` file imports, each imported at first use.

    Args:
        package: str, the package's `__name__`.
        file: str, its `__file__`; the `.pyi` file is beside it.
        light: names that need neither TensorFlow nor Keras. Before any other name is
            imported, `load_backend` is called.

    Returns:
        The package's `__getattr__`, `__dir__` and `__all__`.
    """
    import_name, list_names, names = lazy_loader.attach_stub(package, file)
    heavy = frozenset(names) - frozenset(light)

    def get_name(name):
        if name in heavy:
            load_backend()
        return import_name(name)

    return get_name, list_names, names
