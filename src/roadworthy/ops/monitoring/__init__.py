"""What Prometheus and Grafana need to watch the service: alert rules and a dashboard over the metrics it publishes."""
