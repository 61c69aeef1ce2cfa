"""The generated protobuf and gRPC code of both services, and the .proto files it is made from."""
