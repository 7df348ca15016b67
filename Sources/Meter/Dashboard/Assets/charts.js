// Draws the charts of a page from the data that stands with each of them. The same numbers are in the table below it.
"use strict";
(() => {
  if (!window.Chart) return;
  const charts = new Map(); // By canvas.
  const scheme = matchMedia("(prefers-color-scheme: dark)");

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  }

  function grouped(number, digits = 0) {
    return number.toLocaleString("en-US", { maximumFractionDigits: digits }).replaceAll(",", "\u202f");
  }

  // Days of the same year are told by month and day.
  function short(label) {
    const day = /^\d{4}-(\d\d-\d\d)$/.exec(label);
    if (day) return day[1];
    return label.length > 28 ? `${label.slice(0, 27)}\u2026` : label;
  }

  function datasets(data) {
    return data.series.map((series) => ({
      label: series.name,
      data: series.values.map((value) => value / data.divisor),
      backgroundColor: color(series.color),
      hoverBackgroundColor: color(series.color),
      borderColor: color("background"),
      borderWidth: data.isHorizontal ? { left: 1 } : { top: 1 },
      borderSkipped: false,
      maxBarThickness: 40,
    }));
  }

  function options(data) {
    const [quiet, line, text] = [color("quiet"), color("line"), color("text")];
    const values = {
      stacked: true,
      beginAtZero: true,
      border: { display: false },
      grid: { color: line, drawBorder: false },
      ticks: { color: quiet, maxTicksLimit: 6, callback: (value) => grouped(value, 2) },
    };
    const labels = {
      stacked: true,
      grid: { display: false, drawBorder: false },
      ticks: {
        color: quiet,
        maxRotation: 0,
        autoSkip: !data.isHorizontal,
        autoSkipPadding: 12,
        callback: (_, index) => short(data.labels[index]),
      },
    };
    return {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      resizeDelay: 50,
      indexAxis: data.isHorizontal ? "y" : "x",
      interaction: { mode: "index", axis: data.isHorizontal ? "y" : "x", intersect: false },
      scales: data.isHorizontal ? { x: values, y: labels } : { x: labels, y: values },
      plugins: {
        legend: {
          display: data.series.length > 1,
          position: "top",
          align: "start",
          labels: { color: text, boxWidth: 12, boxHeight: 12 },
        },
        tooltip: {
          callbacks: {
            label: (item) => `${item.dataset.label}: ${grouped(item.raw, item.raw < 10 ? 1 : 0)}`,
            footer: (items) =>
              items.length > 1 ? `Together: ${grouped(items.reduce((sum, item) => sum + item.raw, 0))}` : "",
          },
          filter: (item) => item.raw !== 0,
          itemSort: (first, second) => second.datasetIndex - first.datasetIndex,
        },
      },
    };
  }

  function draw() {
    for (const [canvas, chart] of charts) {
      if (canvas.isConnected) continue;
      chart.destroy();
      charts.delete(canvas);
    }
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    for (const figure of document.querySelectorAll("[data-chart]")) {
      const canvas = figure.querySelector("canvas");
      if (!canvas) continue;
      const data = JSON.parse(figure.dataset.chart);
      const chart = charts.get(canvas);
      if (!chart) {
        charts.set(canvas, new Chart(canvas, {
          type: "bar",
          data: { labels: data.labels, datasets: datasets(data) },
          options: options(data),
        }));
        continue;
      }
      // What the reader has hidden by the legend stays hidden.
      const hidden = new Set(chart.data.datasets.filter((_, index) => !chart.isDatasetVisible(index))
        .map((dataset) => dataset.label));
      chart.data.labels = data.labels;
      chart.data.datasets = datasets(data).map((dataset) => ({ ...dataset, hidden: hidden.has(dataset.label) }));
      chart.options = options(data);
      chart.update("none");
    }
  }

  scheme.addEventListener("change", draw);
  document.addEventListener("circlemeter:refreshed", draw);
  draw();
})();
