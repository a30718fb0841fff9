"""The Airflow layer: context and connections become plain values, then one call into the domain packages."""
