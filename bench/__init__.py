"""Us beside the engines that people would pick instead."""

import ringchat_client  # noqa: F401 - it sets gRPC up, which has to be before that is loaded
