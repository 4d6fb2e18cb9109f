# The model repositories as an image: a version of the models is a tag, and going back is `kubectl rollout undo`.
# Build context: the repository.
ARG SHELL_IMAGE=busybox:1.37
FROM ${SHELL_IMAGE}
COPY LICENSE NOTICE /models/
COPY zoo/NOTICE /models/zoo/NOTICE
COPY zoo/licences /models/zoo/licences
COPY ensembles /models/ensembles
COPY model_repository /models/model_repository
USER 1000:1000
# Into the volume that Triton reads from.
CMD ["cp", "-r", "/models/ensembles", "/models/model_repository", "/volume/"]
