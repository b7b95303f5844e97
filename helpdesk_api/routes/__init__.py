"""What answers at which address: one file per noun, all of them listed in `app.ROUTERS`."""
