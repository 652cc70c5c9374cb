# The image for web and worker: compose.yaml says which of the two a container runs.
FROM python:3.13-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY . .
RUN python manage.py collectstatic --no-input \
    && adduser --system --group --home /app mailroom && chown mailroom:mailroom var
USER mailroom
EXPOSE 8000
CMD ["gunicorn", "site_config.wsgi"]
