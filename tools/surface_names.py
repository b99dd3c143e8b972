"""Lists the public names of tf_pegasus, or of an installed transformers, with their parameters."""

import ast
import functools
import importlib
import inspect
import typing

# Our classes, each with the reference's: the first that an installation has.
CLASSES = {
    "PegasusConfig": ("PegasusConfig",),
    "GenerationConfig": ("GenerationConfig",),
    "PegasusTokenizer": ("PegasusTokenizer",),
    "PegasusTokenizerFast": ("PegasusTokenizerFast",),
    "BatchEncoding": ("BatchEncoding",),
    "TFPegasusModel": ("TFPegasusModel", "PegasusModel"),
    "TFPegasusForConditionalGeneration": (
        "TFPegasusForConditionalGeneration",
        "PegasusForConditionalGeneration",
    ),
    "TFPegasusForCausalLM": ("PegasusForCausalLM",),
    "TFBaseModelOutput": ("modeling_tf_outputs.TFBaseModelOutput",),
    "TFSeq2SeqModelOutput": ("modeling_tf_outputs.TFSeq2SeqModelOutput",),
    "TFSeq2SeqLMOutput": ("modeling_tf_outputs.TFSeq2SeqLMOutput",),
    "TFCausalLMOutputWithCrossAttentions": ("modeling_outputs.CausalLMOutputWithCrossAttentions",),
    "GenerateOutput": (
        "generation.tf_utils.TFBeamSampleEncoderDecoderOutput",
        "generation.utils.GenerateBeamEncoderDecoderOutput",
    ),
}
# What PyTorch calls otherwise.
RENAMED = {"forward": "call"}
SPECIAL = ("__init__", "__call__", "__len__")
# Methods that pass their keywords on, besides to those of the same name in base classes.
PASSED_ON = {
    "__call__": ("_call_one", "_encode_plus"),
    "encode": ("encode_plus", "_encode_plus"),
    "encode_plus": ("_encode_plus",),
    "batch_encode_plus": ("_batch_encode_plus",),
    "batch_decode": ("decode", "_decode"),
    "decode": ("_decode",),
    "from_pretrained": ("_from_pretrained", "get_config_dict", "_get_config_dict"),
    "get_config_dict": ("_get_config_dict",),
}


def find_class(package, names):
    """Returns the first of the named classes that can be used in this environment, or None."""
    for name in names:
        module, _, attribute = f"{package}.{name}".rpartition(".")
        try:
            cls = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError):
            continue
        # transformers has placeholders for classes whose framework is missing.
        if type(cls).__name__ != "DummyObject":
            return cls
    return None


def reference_surface():
    """Returns the names of the installed transformers, by our class and name."""
    import transformers

    surface = {}
    for ours, theirs in CLASSES.items():
        cls = find_class("transformers", theirs)
        if cls is None:
            continue
        if ours.endswith("Output") or "OutputWith" in ours:
            names = {name: {} for name in cls.__dataclass_fields__}
        else:
            names = {
                RENAMED.get(name, name): _entry(cls, name, ("transformers",))
                for name in _defined(cls, "transformers")
            }
        surface[ours] = {
            "class": cls.__name__,
            "version": transformers.__version__,
            "names": names,
        }
    for entry in surface.values():
        generate = entry["names"].get("generate")
        if generate:
            # Its keywords are options of generation, and inputs of the model.
            options = surface["GenerationConfig"]["names"]["__init__"]["parameters"]
            inputs = entry["names"]["call"]["parameters"]
            generate["parameters"] = {**inputs, **options, **generate["parameters"]}
    return surface


def own_surface():
    """Returns the names of tf_pegasus, in the same form, including those of its base classes."""
    import tf_pegasus
    from tf_pegasus.generation.generate_output import GenerateOutput

    surface = {}
    for name in CLASSES:
        cls = GenerateOutput if name == "GenerateOutput" else getattr(tf_pegasus, name)
        if hasattr(cls, "fields") and isinstance(cls.fields, tuple):
            names = {field: {} for field in cls.fields}
        else:
            found = [*_defined(cls, "tf_pegasus"), *_public(dir(cls))]
            found += getattr(cls, "attribute_map", ())
            found += vars(cls()) if name == "BatchEncoding" else ()
            names = {
                found_name: _entry(cls, found_name, ("tf_pegasus", "keras")) for found_name in found
            }
        surface[name] = {"class": name, "version": tf_pegasus.__version__, "names": names}
    for name, method, parameters in _own_keywords():
        if method in surface[name]["names"]:
            declared = surface[name]["names"][method]["parameters"]
            surface[name]["names"][method]["parameters"] = {**parameters, **declared}
    return surface


def _own_keywords():
    """Yields class, method and parameters of our methods whose keywords a registry lists."""
    from tf_pegasus import GenerationConfig, PegasusConfig
    from tf_pegasus.checkpoints.keywords import ARGUMENTS, WITHOUT_MEANING
    from tf_pegasus.config.foreign_arguments import (
        LOADING_MODELS,
        SAVING,
        SAVING_FAST_TOKENIZERS,
        SAVING_MODELS,
        SAVING_TOKENIZERS,
    )
    from tf_pegasus.config.foreign_keys import REFUSED_KEYS
    from tf_pegasus.config.generation_foreign import INSTEAD, NOT_OPTIONS
    from tf_pegasus.tokenizers.call_options import CallOptions
    from tf_pegasus.tokenizers.options import TokenizerOptions
    from tf_pegasus.utils.hub import HubOptions

    def defaults(cls):
        fields = cls.__dataclass_fields__.values()
        return {field.name: _with_default({}, field.default) for field in fields}

    def refusals(foreign):
        return {name: {"refused": argument.instead} for name, argument in foreign.items()}

    hub = defaults(HubOptions)
    refused = {name: {"refused": why} for name, why in REFUSED_KEYS.items()}
    foreign = {name: {} for name in (*PegasusConfig.attribute_map, *PegasusConfig.foreign_keys)}
    config = {**foreign, **defaults(PegasusConfig), **refused}
    options = {name: {"refused": why} for name, why in INSTEAD.items()}
    options |= defaults(GenerationConfig)
    tokenizer = defaults(TokenizerOptions)
    call = defaults(CallOptions)
    for method in ("encode", "encode_plus", "batch_encode_plus", "prepare_for_model"):
        for name in ("PegasusTokenizer", "PegasusTokenizerFast"):
            yield name, method, call
    for name in ("PegasusTokenizer", "PegasusTokenizerFast"):
        yield name, "__init__", tokenizer
        yield name, "from_pretrained", {**hub, **tokenizer}
    yield "PegasusTokenizer", "save_pretrained", refusals(SAVING_TOKENIZERS)
    yield "PegasusTokenizerFast", "save_pretrained", refusals(SAVING_FAST_TOKENIZERS)
    yield "PegasusConfig", "save_pretrained", refusals(SAVING)
    yield "GenerationConfig", "save_pretrained", refusals(SAVING)
    yield "PegasusConfig", "__init__", config
    yield "PegasusConfig", "from_pretrained", {**hub, **config}
    yield "GenerationConfig", "__init__", options
    yield "GenerationConfig", "from_pretrained", {**hub, **options}
    yield "GenerationConfig", "update", options
    ignored = {name: {"ignored": why} for name, why in WITHOUT_MEANING.items()}
    arguments = {name: {} for name in ARGUMENTS} | refusals(LOADING_MODELS)
    inputs = {name: {"refused": why} for name, why in NOT_OPTIONS.items()}
    for name in ("TFPegasusModel", "TFPegasusForConditionalGeneration", "TFPegasusForCausalLM"):
        yield name, "from_pretrained", {**hub, **ignored, **arguments}
        yield name, "save_pretrained", refusals(SAVING_MODELS)
        yield name, "generate", {**inputs, **options}


def _public(names):
    return [name for name in names if not name.startswith("_") or name in SPECIAL]


def _defined(cls, package):
    """Returns the public names that the classes of a package define, also in their methods."""
    names = []
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] == package:
            names += [*vars(base), *vars(base).get("__annotations__", ()), *_assigned(base)]
    return _public(dict.fromkeys(names))


def _assigned(cls):
    """Returns the names that the methods of a class assign to `self`."""
    return [
        node.attr
        for node in ast.walk(_tree(cls))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    ]


@functools.cache
def _tree(thing):
    try:
        source = inspect.getsource(thing)
    except (OSError, TypeError):  # made at run time, or in C
        return ast.Module([], [])
    # Strings in it may be indented less than its first line.
    return ast.parse(f"if True:\n{source}" if source[0].isspace() else source)


def _entry(cls, name, packages):
    """Returns what is known of a name: `parameters` of a method, `refused` if it always raises."""
    value = inspect.getattr_static(cls, name, None)
    if isinstance(value, (classmethod, staticmethod)):
        value = value.__func__
    if not inspect.isroutine(value):
        return {}
    parameters = {**_taken(value), **_declared(value)}
    for function in _passed_to(cls, name, value, packages):
        # The parameters of a private one are filled by the methods that call it.
        is_private = function.__name__.startswith("_") and function.__name__ not in SPECIAL
        passed = _taken(function)
        if not is_private:
            # Those without a default are filled, too.
            declared = _declared(function).items()
            passed |= {key: value for key, value in declared if "default" in value}
        for parameter, entry in passed.items():
            # Only by name.
            entry.pop("position", None)
            parameters.setdefault(parameter, entry)
    entry = {"parameters": parameters}
    if _signature(value).return_annotation is typing.NoReturn:
        entry["refused"] = inspect.getdoc(value).partition(": ")[2].rstrip(".")
    return entry


def _passed_to(cls, name, value, packages):
    """Yields the methods that a method passes its keywords to."""
    if not _takes_keywords(value):
        return
    for other in (name, *PASSED_ON.get(name, ())):
        for base in cls.__mro__:
            found = vars(base).get(other)
            found = getattr(found, "__func__", found)
            if inspect.isfunction(found) and base.__module__.partition(".")[0] in packages:
                yield found
                if other == name == "__init__" and not _takes_keywords(found):
                    break


def _takes_keywords(function):
    return any(p.kind is p.VAR_KEYWORD for p in _signature(function).parameters.values())


def _signature(function):
    try:
        return inspect.signature(function)
    except ValueError:  # some functions in C have none
        return inspect.Signature()


def _declared(function):
    """Returns the parameters of a function, without those that stand for several."""
    found = {}
    for name, parameter in _signature(function).parameters.items():
        is_many = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if not is_many and name not in ("self", "cls") and not name.startswith("_"):
            found[name] = _with_default({}, parameter.default)
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                found[name]["position"] = len(found)
    return found


def _taken(function):
    """Returns the keys that a function takes out of its keywords."""
    found = {}
    for node in ast.walk(_tree(inspect.unwrap(function))):
        key = _taken_key(node)
        if key and not key.startswith("_"):
            found[key] = {}
            if len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                found[key]["default"] = node.args[1].value
    return found


def _taken_key(node):
    """Returns `key` for `kwargs.pop("key", …)` and `kwargs.get("key", …)`, otherwise None."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("pop", "get")
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("kwargs", "model_kwargs", "config_kwargs")
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ):
        return node.args[0].value
    return None


def _with_default(entry, default):
    if default is None or isinstance(default, (bool, int, float, str)):
        entry["default"] = default
    return entry
