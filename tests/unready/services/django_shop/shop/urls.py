from django.contrib import admin
from django.http import HttpResponse, JsonResponse
from django.urls import path

PAGE = """<!doctype html><html lang="en"><head><title>Shop</title></head>
<body><h1>Shop</h1><p>Things</p><a href="/login/">in</a></body></html>"""


def home(request):
    request.session["seen"] = True
    return HttpResponse(PAGE)


urlpatterns = [
    path("", home),
    path("health", lambda _: JsonResponse({"status": "ok"})),
    path("login/", admin.site.login),
    path("admin/", admin.site.urls),
]
