# dagrun in an image: one stage builds it, one holds only what it needs to run.
#
#     docker build -t dagrun .
#     docker run --rm -v dagrun-var:/srv/dagrun/var -v dagrun-reports:/srv/dagrun/reports dagrun
#
# The packages of both stages come from packages.txt.

FROM debian:12-slim AS build
WORKDIR /src
COPY packages.txt ./
COPY scripts/install-packages scripts/
RUN scripts/install-packages run
COPY . .
RUN make -s -j"$(nproc)" && make -s install DESTDIR=/install PREFIX=/usr/local
# The home: whatever of these this repository has.
RUN mkdir /home-of-dagrun && for part in dags expectations data migrations views connections.yaml; do \
        if [ -e "$part" ]; then cp -R "$part" /home-of-dagrun/; fi; done

FROM debian:12-slim
WORKDIR /tmp/packages
COPY packages.txt ./
COPY scripts/install-packages scripts/
RUN scripts/install-packages image && rm -rf /var/lib/apt/lists/* /tmp/packages
COPY --from=build /install/usr/local/ /usr/local/
# The home belongs to a user without rights or a shell; var and reports are kept in volumes.
RUN useradd --system --uid 10001 --home-dir /srv/dagrun --shell /usr/sbin/nologin dagrun \
    && install -d -o dagrun -g dagrun /srv/dagrun /srv/dagrun/var /srv/dagrun/reports
WORKDIR /srv/dagrun
COPY --from=build --chown=dagrun:dagrun /home-of-dagrun/ ./
USER dagrun
ENV DAGRUN_HOME=/srv/dagrun
VOLUME ["/srv/dagrun/var", "/srv/dagrun/reports"]
ENTRYPOINT ["dagrun"]
CMD ["run", "healthcare_processing"]
