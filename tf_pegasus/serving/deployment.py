"""TF Serving's configuration files, as far as an export determines them."""


def batching_parameters(batch_buckets, threads=1, timeout_micros=5000, queue=32):
    """Returns the text of `batching_parameters.txt`, with the export's batch buckets as sizes.

    Args:
        batch_buckets: ints, ascending.
        threads: int, number of batches computed at a time.
        timeout_micros: int, longest time that a request waits for others to fill its batch.
        queue: int, number of batches that may wait; further requests get UNAVAILABLE.
    """
    sizes = "".join(f"allowed_batch_sizes: {size}\n" for size in batch_buckets)
    return (
        f"max_batch_size {{ value: {batch_buckets[-1]} }}\n"
        f"batch_timeout_micros {{ value: {timeout_micros} }}\n"
        f"num_batch_threads {{ value: {threads} }}\n"
        f"max_enqueued_batches {{ value: {queue} }}\n" + sizes
    )
